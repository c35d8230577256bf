import { runService } from '@myelin/service';
import { policyCompilerConfiguration } from './config.ts';
import { wire } from './wiring.ts';

process.exitCode = await runService(policyCompilerConfiguration, wire);

import { runService } from '@myelin/service';
import { nodeAgentConfiguration } from './config.ts';
import { wire } from './wiring.ts';

process.exitCode = await runService(nodeAgentConfiguration, wire);

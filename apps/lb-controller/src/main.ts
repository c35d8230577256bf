import { runService } from '@myelin/service';
import { lbControllerConfiguration } from './config.ts';
import { wire } from './wiring.ts';

process.exitCode = await runService(lbControllerConfiguration, wire);

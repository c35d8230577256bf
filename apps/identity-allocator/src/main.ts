import { runService } from '@myelin/service';
import { allocatorConfiguration } from './config.ts';
import { wire } from './wiring.ts';

process.exit(await runService(allocatorConfiguration, wire));

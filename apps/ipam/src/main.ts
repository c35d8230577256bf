import { runService } from '@myelin/service';
import { ipamConfiguration } from './config.ts';
import { wire } from './wiring.ts';

process.exit(await runService(ipamConfiguration, wire));

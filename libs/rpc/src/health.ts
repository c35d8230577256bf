import { type HealthCheckResponse, HealthService } from '@myelin/contracts/health';
import type { Readiness } from '@myelin/service';
import { type ImplementedService, implement } from './implementation.ts';
import { Mailbox } from './mailbox.ts';

const answer = (ready: boolean): HealthCheckResponse => ({ status: ready ? 1 : 2 });

/** grpc.health.v1 over a service's readiness, the same answer for every service name. */
export function healthService(readiness: Readiness): ImplementedService {
  return implement(HealthService, {
    check: () => answer(readiness.isReady),
    watch: (_request, { signal }) => {
      const changes = new Mailbox<HealthCheckResponse>({ onReturn: () => stop() });
      const stop = readiness.onChange((ready) => changes.push(answer(ready)));
      signal.addEventListener('abort', () => changes.close(), { once: true });
      changes.push(answer(readiness.isReady));
      return changes;
    },
  });
}

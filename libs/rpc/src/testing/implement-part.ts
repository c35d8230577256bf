import { MyelinError } from '@myelin/service';
import type { ServiceDefinition } from '../definition.ts';
import { type Handlers, type ImplementedService, implement } from '../implementation.ts';

/** As `implement`, for a test's server: methods without a handler refuse as `unimplemented`, so that a new one need not be named by tests that don't call it. */
export function implementPart<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): ImplementedService {
  const refused = Object.entries(definition).map(([name, { path }]) => {
    const refuse = () => {
      throw new MyelinError('unimplemented', `${path} is not in this test`);
    };
    return [name, refuse];
  });
  return implement(definition, { ...Object.fromEntries(refused), ...handlers } as Handlers<D>);
}

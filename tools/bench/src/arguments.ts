import { object } from '@optique/core/constructs';
import { message } from '@optique/core/message';
import { optional, withDefault } from '@optique/core/modifiers';
import { argument, option } from '@optique/core/primitives';
import { choice, integer, string } from '@optique/core/valueparser';

/** The command line of `npm run bench`; `suites` are those of bars.json. */
export function commandLine(suites: readonly string[]) {
  return object({
    suite: argument(choice(suites, { metavar: 'SUITE' }), { description: message`What to measure.` }),
    json: withDefault(option('--json', { description: message`Print one JSON object instead of a table.` }), false),
    only: optional(
      option('--only', string({ metavar: 'NAME,…' }), { description: message`Measure these results alone (seconds instead of a minute).` }),
    ),
    gate: withDefault(
      option('--gate', { description: message`Exit with status 1 where a bar of this stage is missed or its result is not measured.` }),
      false,
    ),
    rounds: optional(
      option('--rounds', integer({ metavar: 'COUNT', min: 1, max: 1000 }), {
        description: message`Rounds to measure in (default: 41 for datapath, 12 for lab).`,
      }),
    ),
  });
}

import fc from 'fast-check';

/**
 * `fc.assert` over exactly `runs` drawn values. Throws also when it tried another number of them: a `path` left over from a debugged
 * failure goes through what that one failure shrinks to, and the property would pass without having been tested.
 */
export function assertEach<T>(property: fc.IProperty<T>, runs: number, replay: Pick<fc.Parameters<T>, 'seed' | 'path'> = {}): void {
  let tried = 0;
  const counted: fc.IProperty<T> = Object.create(property, {
    run: {
      value: (value: T) => {
        tried++;
        return property.run(value);
      },
    },
  });
  fc.assert(counted, { numRuns: runs, ...replay });
  if (tried !== runs) throw new Error(`${tried} cases were tried instead of ${runs}`);
}

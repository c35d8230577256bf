import { describe, expect, it } from 'vitest';
import { readHeader } from './header.ts';

describe('reading a header', () => {
  it('finds structs and enums in order, with their comments', () => {
    const source = `/* The file. */
#pragma once

/* Fruit: {a
 * comment} over two lines. */
enum fruit {
	APPLE = 1, /* red */
	PEAR,
};

enum {
	LIMIT = 4, /* per tree */
};

struct basket {
	__u8 owner[16]; /* an address */
	unsigned int count;
} __attribute__((aligned(8)));
`;
    expect(readHeader('fruit.h', source)).toEqual([
      {
        kind: 'enum',
        name: 'fruit',
        comment: 'Fruit: {a comment} over two lines.',
        enumerators: ['APPLE', 'PEAR'],
        comments: new Map([['APPLE', 'red']]),
      },
      { kind: 'enum', name: '', comment: '', enumerators: ['LIMIT'], comments: new Map([['LIMIT', 'per tree']]) },
      { kind: 'struct', name: 'basket', comment: '', enumerators: [], comments: new Map([['owner', 'an address']]) },
    ]);
  });

  it('refuses definitions that user space cannot read', () => {
    for (const source of [
      'struct a {\n\tstruct {\n\t\tint b;\n\t} c;\n};\n',
      'union a {\n\tint b;\n};\n',
      'static inline int f(void) {\n}\n',
    ]) {
      expect(() => readHeader('bad.h', source)).toThrow(/^bad.h: only structs and enums/);
    }
  });
});

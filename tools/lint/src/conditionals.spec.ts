import { expect, it } from 'vitest';
import { countConditionals } from './conditionals.ts';

it('counts #if, #ifdef, #ifndef and #elif, not #pragma, #else and #endif', () => {
  const source = '#pragma once\n#ifdef A\n# if B\n#elif C\n#else\n#endif\n#endif\n#ifndef D\nint x;\n#endif\n';
  expect(countConditionals([source]).conditionals).toBe(4);
});

it('allows two per thousand lines, begun thousands counted whole share', () => {
  expect(countConditionals(['\n'.repeat(1499)]).allowed).toBe(3);
});

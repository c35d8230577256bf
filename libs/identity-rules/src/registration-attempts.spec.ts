import { expect, it } from 'vitest';
import { RegistrationAttempts } from './registration-attempts.ts';

it('an answer is believed unless another one may have got lost before it (C1)', () => {
  const attempts = new RegistrationAttempts(false);
  expect(attempts.begin()).toBe(true);
  expect(attempts.begin()).toBe(false);
  expect(attempts.isOpen).toBe(true);
  attempts.answered();
  expect(attempts.begin()).toBe(true);
  expect(new RegistrationAttempts(attempts.isOpen).begin()).toBe(false);
});

import type { ExchangeRequest, ProbeError } from './probes.ts';

/** What one exchange has come to. Times are milliseconds. */
export interface FlowAccount {
  readonly asked: number;
  readonly replies: number;
  /** Longest time between two replies (and from the beginning to the first). */
  readonly longestGap: number;
  /** Why the exchange ended by itself; null: it didn't. */
  readonly ended: ProbeError | null;
}

/** Counts replies and gaps as they come. */
export class FlowCount {
  #replies = 0;
  #longestGap = 0;
  #last: number;
  #ended: ProbeError | null = null;

  /** `now`: when it begins. */
  constructor(now: number) {
    this.#last = now;
  }

  /** A reply (null), or the error that ended the exchange. */
  heard(error: ProbeError | null, now: number): void {
    if (error !== null) {
      this.#ended = error;
      return;
    }
    this.#replies++;
    this.#longestGap = Math.max(this.#longestGap, now - this.#last);
    this.#last = now;
  }

  /** The account when `asked` questions had been sent, at `now`. */
  close(asked: number, now: number): FlowAccount {
    const longestGap = this.#ended === null ? Math.max(this.#longestGap, now - this.#last) : this.#longestGap;
    return { asked, replies: this.#replies, longestGap: Math.round(longestGap), ended: this.#ended };
  }
}

/** What is wrong with an exchange, in words; null: nothing. A TCP connection loses nothing while it lives, and its answers may come several at a time. */
export function faultOf(
  { expect, protocol }: Pick<ExchangeRequest, 'expect' | 'protocol'>,
  { asked, replies, ended }: FlowAccount,
): string | null {
  if (expect === 'none') return replies === 0 ? null : `${replies} unpoliced`;
  if (ended !== null) return `ended: ${ended}`;
  if (replies === 0) return 'no reply';
  return replies < asked && protocol !== 'TCP' ? `${asked - replies} lost` : null;
}

import { describe, expect, it } from 'vitest';
import { BpfError, lastUsefulLine } from './error.ts';

const log = `0: R1=ctx() R10=fp0
; return *(__u8 *)(long)skb->data; @ refused.bpf.c:9
0: (61) r1 = *(u32 *)(r1 +76)         ; R1_w=pkt(r=0)
1: (71) r0 = *(u8 *)(r1 +0)
invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0

`;

describe('an error of a refused program', () => {
  it('says the line that the verifier stopped at, and keeps the whole log', () => {
    const error = new BpfError({ op: 'object.load', object: 'x', errno: 13, code: 'EACCES', detail: 'failed', verifierLog: log });
    expect(error.message).toBe('object.load x: EACCES: invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)');
    expect(error.verifierLog).toBe(log);
  });

  it('falls back to what libbpf said where the verifier said nothing', () => {
    const error = new BpfError({
      op: 'map.update',
      object: 'm',
      errno: 7,
      code: 'E2BIG',
      detail: 'Argument list too long',
      verifierLog: '',
    });
    expect(error.message).toBe('map.update m: E2BIG: Argument list too long');
    expect(lastUsefulLine('processed 2 insns (limit 1000000)\n')).toBeNull();
  });
});

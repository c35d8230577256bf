import { execFileSync } from 'node:child_process';

/** Runs a command in a pod's namespace; its output. What fails is no error: many of these packets are meant to be dropped. */
export function inPod(netns: string, ...words: string[]): string {
  try {
    return execFileSync('nsenter', [`--net=${netns}`, '--', ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    return (error as { readonly stdout: string }).stdout;
  }
}

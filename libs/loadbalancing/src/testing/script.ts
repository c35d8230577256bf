/** A step of a script: what is done, and what came of it as it is on record. */
export interface Step {
  /** `apply`, or `delete Kind namespace/name`. */
  readonly command: string;
  /** YAML to apply; '' for other commands. */
  readonly text: string;
  readonly output: string;
}

/** A case: prose about it, then steps. */
export interface Script {
  readonly prose: string;
  readonly steps: readonly Step[];
}

/** Reads a case. `>>> command` begins a step, `<<<` what came of it. */
export function readScript(text: string): Script {
  const [prose = '', ...steps] = text.split(/^>>> /m);
  return {
    prose,
    steps: steps.map((step) => {
      const [input = '', output = ''] = step.split(/^<<<\n/m);
      const [command = '', ...lines] = input.split('\n');
      return { command, text: lines.join('\n'), output };
    }),
  };
}

/** The text of a case. */
export function writeScript({ prose, steps }: Script): string {
  return prose + steps.map(({ command, text, output }) => `>>> ${command}\n${text}<<<\n${output}`).join('');
}

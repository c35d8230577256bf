// Runs in a pod's namespace: echoes on a TCP port, and talks to other pods as its standard input says. One JSON message a line, both ways.
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** What a talker is asked. `open` keeps the connection under the question's number; `talk` uses it again. */
export type TalkerQuestion =
  | { readonly id: number; readonly kind: 'listen'; readonly port: number }
  | { readonly id: number; readonly kind: 'open'; readonly host: string; readonly port: number }
  | { readonly id: number; readonly kind: 'talk'; readonly connection: number };
/** `echoed`, `timeout`, or the name of an error. */
export interface TalkerAnswer {
  readonly id: number;
  readonly answer: string;
}

const patienceMs = 700;
const connections = new Map<number, Socket>();

function exchange(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle('timeout'), patienceMs);
    const settle = (answer: string) => {
      clearTimeout(timer);
      socket.removeAllListeners('data').removeAllListeners('error');
      socket.on('error', () => {});
      resolve(answer);
    };
    socket.once('data', () => settle('echoed'));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    socket.write('x');
  });
}

async function answerTo(question: TalkerQuestion): Promise<string> {
  switch (question.kind) {
    case 'listen': {
      const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
      await new Promise<void>((resolve) => server.listen({ port: question.port, host: '::' }, resolve));
      return 'listening';
    }
    case 'open': {
      const socket = connect({ host: question.host, port: question.port });
      connections.set(question.id, socket);
      return exchange(socket);
    }
    case 'talk':
      return exchange(connections.get(question.connection)!);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as TalkerQuestion;
  void answerTo(question).then((answer) => console.log(JSON.stringify({ id: question.id, answer } satisfies TalkerAnswer)));
}
process.exit();

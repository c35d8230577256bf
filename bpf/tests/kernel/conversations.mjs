// Exchanges that go on. node conversations.mjs serve <tcp|udp>:<port> … | talk <name>,<tcp|udp>,<address>,<port> …
// Every server echoes. A talker asks each of its partners every 5 ms, by a number. A line on standard input is answered by one line of JSON: "tell": how it stands; "finish": ask no more, wait for what is
// missing (5 s), tell, end.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const [role, ...args] = process.argv.slice(2);
const accounts = {};
/** Emulated processors (tools/kernel-vm) are slow, and shared. */
const isEmulated = process.env.MYELIN_EMULATED === '1';
const [intervalMs, patienceMs] = isEmulated ? [200, 60_000] : [5, 5000];

function serve(protocol, port) {
  const account = { heard: 0 };
  accounts[`${protocol}:${port}`] = account;
  return new Promise((resolve) => {
    if (protocol === 'udp') {
      const socket = createSocket('udp6');
      socket.on('message', (message, { port, address }) => {
        account.heard += 1;
        socket.send(message, port, address);
      });
      socket.bind(port, resolve);
      return;
    }
    const server = createServer((socket) => {
      account.heard += 1;
      socket.setNoDelay(true);
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('error', () => socket.destroy());
    });
    server.listen(port, '::', resolve);
  });
}

function talk(name, protocol, address, port) {
  const account = { asked: 0, answered: 0, error: null };
  accounts[name] = account;
  const waiting = new Set();
  const hear = (number) => {
    if (waiting.delete(number)) account.answered += 1;
  };
  const fail = (error) => {
    account.error ??= error.code ?? String(error);
  };
  /** False: not connected, nothing was asked. */
  let ask;
  if (protocol === 'udp') {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (message) => hear(Number(message)));
    socket.on('error', fail);
    ask = (number) => {
      socket.send(String(number), port, address);
      return true;
    };
  } else {
    const socket = connect({ host: address, port, noDelay: true });
    let rest = '';
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) hear(Number(line));
    });
    socket.on('error', fail);
    socket.on('close', () => fail({ code: 'closed' }));
    ask = (number) => {
      if (socket.readyState !== 'open') return false;
      socket.write(`${number}\n`);
      return true;
    };
  }
  return () => {
    const number = account.asked + 1;
    if (!ask(number)) return;
    account.asked = number;
    waiting.add(number);
  };
}

const print = (line) => process.stdout.write(`${line}\n`);
const asks = role === 'talk' ? args.map((each) => talk(...each.split(','))) : [];
if (role === 'serve') await Promise.all(args.map((each) => serve(...each.split(':'))));
const timer = setInterval(() => {
  for (const ask of asks) ask();
}, intervalMs);
print('ready');

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'tell') return print(JSON.stringify(accounts));
  clearInterval(timer);
  const started = Date.now();
  // Who never answered anything isn't waited for.
  const isDone = () => Object.values(accounts).every(({ asked, answered }) => answered === 0 || asked === answered);
  const wait = setInterval(() => {
    if (!isDone() && Date.now() - started < patienceMs) return;
    clearInterval(wait);
    print(JSON.stringify(accounts));
    process.stdout.end(() => process.exit(0));
  }, 10);
});

// A server or client in a pod's namespace: node talker.mjs serve <family> <port> | ask <tcp|udp> <address> <port>
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

/** How long an answer may take. Emulated processors (tools/kernel-vm) are slow, and shared. */
const patienceMs = process.env.MYELIN_EMULATED === '1' ? 5000 : 1000;
const [role, ...args] = process.argv.slice(2);

function serve(family, port) {
  const udp = createSocket(`udp${family}`);
  udp.on('message', (message, from) => udp.send(`udp ${message}`, from.port, from.address));
  const tcp = createServer((socket) => {
    socket.on('data', (chunk) => socket.end(`tcp ${chunk}`));
    // A client that goes on sending after the answer resets the connection.
    socket.on('error', () => socket.destroy());
  });
  udp.bind(port, () => tcp.listen(port, family === '6' ? '::' : '0.0.0.0', () => process.stdout.write('listening\n')));
}

function askTcp(address, port) {
  const socket = connect({ host: address, port, timeout: patienceMs }, () => socket.write('hello'));
  socket.on('data', (chunk) => process.stdout.write(chunk));
  socket.on('timeout', () => process.exit(2));
  socket.on('error', () => process.exit(3));
  socket.on('close', () => process.exit(0));
}

function askUdp(address, port) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message) => {
    process.stdout.write(message);
    process.exit(0);
  });
  socket.on('error', () => process.exit(3));
  const send = () => socket.send('hello', port, address);
  send();
  setInterval(send, 200);
  setTimeout(() => process.exit(2), patienceMs);
}

if (role === 'serve') serve(args[0], Number(args[1]));
else if (args[0] === 'tcp') askTcp(args[1], Number(args[2]));
else askUdp(args[1], Number(args[2]));

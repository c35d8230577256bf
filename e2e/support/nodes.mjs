// What happens between nodes, as processes of a lab's places: node nodes.mjs <role> <arguments>. Prints one line of JSON.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** Takes one connection's bytes, and says how many there were. */
function sink(port) {
  const server = createServer((socket) => {
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.on('end', () => {
      socket.end(`${bytes}`);
      server.close();
    });
  });
  server.listen(Number(port), '::', () => say('listening'));
}

/** Sends so many MiB, and says what the sink has counted. */
function pour(address, port, megabytes) {
  const chunk = Buffer.alloc(1 << 20, 'x');
  let left = Number(megabytes);
  const socket = connect(Number(port), address);
  const send = () => {
    while (left-- > 0) if (!socket.write(chunk)) return;
    socket.end();
  };
  socket.on('connect', send);
  socket.on('drain', send);
  socket.on('data', (count) => say(Number(count)));
  socket.setTimeout(10_000, () => process.exit(2));
}

/** Sends a VXLAN packet to `outer` and `port`, with this network identifier and a datagram over IPv4 inside. */
function vxlan(outer, port, networkId, from, to, innerPort) {
  const header = Buffer.alloc(8);
  header[0] = 8;
  header.writeUIntBE(Number(networkId), 4, 3);
  const ethernet = Buffer.from('0200000000010200000000020800', 'hex');
  const network = Buffer.from('4500002100004000401100000000000000000000', 'hex');
  quad(from).copy(network, 12);
  quad(to).copy(network, 16);
  network.writeUInt16BE(sum(network), 10);
  const datagram = Buffer.alloc(13, 'hello');
  for (const [at, value] of [40001, Number(innerPort), 13, 0].entries()) datagram.writeUInt16BE(value, at * 2);
  const socket = createSocket(outer.includes(':') ? 'udp6' : 'udp4');
  socket.send(Buffer.concat([header, ethernet, network, datagram]), Number(port), outer, (error) => {
    say(error?.message ?? 'sent');
    socket.close();
  });
}

const quad = (text) => Buffer.from(text.split('.').map(Number));

function sum(bytes) {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += bytes.readUInt16BE(at);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

const [role, ...words] = process.argv.slice(2);
({ sink, pour, vxlan })[role](...words);

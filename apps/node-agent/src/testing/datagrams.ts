// Runs in a pod's namespace: one datagram to each port from `first` to `last`, a thousand or two a second.
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';

const [host, first, last] = process.argv.slice(2);
const socket = createSocket('udp4');
for (let port = Number(first); port <= Number(last); port++) {
  socket.send('x', port, host);
  if (port % 4 === 0) await sleep(2);
}
socket.close();

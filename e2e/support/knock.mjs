#!/usr/bin/env node
// What a stranger hears at control-plane ports: runs in a place's network, as a program of its own. Arguments: host:port … Prints a JSON object: port →
// { plain, tls }, each what was said (as Latin-1 text) after the connection stood, or the error that kept it from standing.
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

const words = ['GET / HTTP/1.1', 'CONNECT {"verbose":true}', 'SUB > 1', 'PING', '', ''].join('\r\n');

/** All that is heard until the other side hangs up, or for half a second from when the connection stands. */
function hear(socket, event) {
  return new Promise((resolve) => {
    let said = '';
    let stands = false;
    const end = (error) => {
      socket.destroy();
      resolve(stands ? said : `no connection: ${error?.code ?? 'timeout'}`);
    };
    socket.setTimeout(3000, () => end());
    socket.on(event, () => {
      stands = true;
      socket.setTimeout(500);
      socket.write(words);
    });
    socket.on('data', (chunk) => (said += chunk.toString('latin1')));
    socket.on('error', end);
    socket.on('close', () => end());
  });
}

const heard = await Promise.all(
  process.argv.slice(2).map(async (target) => {
    const [host, port] = target.split(':');
    const at = { host, port: Number(port) };
    const [plain, tls] = await Promise.all([
      hear(connect(at), 'connect'),
      hear(connectTls({ ...at, rejectUnauthorized: false, ALPNProtocols: ['h2'] }), 'secureConnect'),
    ]);
    return [target, { plain, tls }];
  }),
);
console.log(JSON.stringify(Object.fromEntries(heard)));

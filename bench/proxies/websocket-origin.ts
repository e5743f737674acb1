// An origin that echoes WebSocket messages. `node websocket-origin.ts PORT`
import { WebSocketServer } from 'ws';

new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', perMessageDeflate: false }).on(
  'connection',
  (socket) => {
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  },
);

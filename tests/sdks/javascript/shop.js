// A service of a shop with the usual instrumentations of Node: http, express, undici (fetch), pg.
//
//     node --import ./telemetry.js shop.js shop http://127.0.0.1:PORT   # asks the stock at that address
//     node --import ./telemetry.js shop.js stock
//
// Prints the port that it listens on. Ends when it is terminated, with everything exported. The same routes are in
// ../python/shop.py and ../go/main.go. PostgreSQL runs in this process; pg speaks to it over a socket.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import express from 'express';
import pg from 'pg';
import { sdk } from './telemetry.js';

const PATIENCE_MS = 200;
const SLOW_MS = 600;
const CLOSED_PORT = 1; // nothing listens there
const UNIQUE_VIOLATION = '23505';

const app = express();
const tracer = trace.getTracer('shop.orders', '1.4.2');

const postgres = new PGLiteSocketServer({ db: await PGlite.create(), host: '127.0.0.1', port: 0 });
await postgres.start();
const pool = new pg.Pool({
  host: '127.0.0.1',
  port: Number(postgres.getServerConn().split(':').at(-1)),
  user: 'postgres',
  database: 'postgres',
  max: 1, // as many as that server takes
});
await tracer.startActiveSpan('prepare', async (span) => {
  await pool.query('CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT)');
  await pool.query('CREATE TABLE orders (number TEXT PRIMARY KEY)');
  span.end();
});

const product = (number) => pool.query('SELECT name FROM products WHERE id = $1', [number]);

// With the older client of Node, so that its instrumentation is tried too.
const get = (url) =>
  new Promise((resolve, reject) => {
    http
      .get(url, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      })
      .on('error', reject);
  });

function shop(stock) {
  app.get('/products/:number', async (request, response) => {
    await product(request.params.number);
    const url = `${stock}/stock/${request.params.number}`;
    const status = request.params.number % 2 ? await get(url) : (await fetch(url)).status;
    response.status({ 200: 200, 404: 404 }[status] ?? 502).send('asked');
  });

  app.post('/orders', async (request, response) => {
    try {
      await pool.query('INSERT INTO orders (number) VALUES ($1)', [request.query.number]);
    } catch (error) {
      if (error.code !== UNIQUE_VIOLATION) throw error;
      response.status(409).send('ordered before');
      return;
    }
    response.status(201).send('ordered');
  });

  app.get('/slow', async (request, response) => {
    try {
      await fetch(`${stock}/slow`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch (error) {
      if (error.name !== 'TimeoutError') throw error;
      response.status(504).send('stock is slow');
      return;
    }
    response.send('stock was fast');
  });

  app.get('/unreachable', async (request, response) => {
    try {
      await get(`http://127.0.0.1:${CLOSED_PORT}/`);
    } catch (error) {
      if (error.code !== 'ECONNREFUSED') throw error;
      response.status(502).send('nobody there');
      return;
    }
    response.send('somebody there');
  });

  app.get('/broken', async () => {
    await tracer.startActiveSpan('refund', { attributes: { 'shop.order': 'A-1' } }, async (span) => {
      try {
        throw new Error('the till is stuck');
      } catch (error) {
        span.recordException(error);
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
        throw error;
      } finally {
        span.end();
      }
    });
  });
}

function stock() {
  app.get('/stock/:number', async (request, response) => {
    await product(request.params.number);
    const number = Number(request.params.number);
    if (number === 404 || number === 503) response.status(number).send('none');
    else response.json({ amount: number });
  });

  app.get('/slow', async (request, response) => {
    await sleep(SLOW_MS);
    response.send('at last');
  });
}

const [role, address] = process.argv.slice(2);
if (role === 'shop') shop(address);
else stock();

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.once('SIGTERM', () => {
  server.close(async () => {
    await pool.end();
    await postgres.stop();
    await sdk.shutdown();
    process.exit(0);
  });
  server.closeIdleConnections();
});

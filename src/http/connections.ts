/**
 * What the server remembers of each open connection: how many of its requests are in work, and whether it
 * still takes new ones.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export class Connection {
  /** Requests that the handler has and has not answered. */
  inWork = 0;
  /** The response to the newest request that is whole. They leave in the order of requests: it is the last to go. */
  newest: ServerResponse | undefined;
  /** The last answer is on its way: what else arrives is not looked at. */
  closing = false;
  #whenIdle: (() => void) | undefined;

  /** Calls `action` once nothing is in work and every answer is written. */
  whenIdle(action: () => void): void {
    const whenWritten = (): void => {
      if (this.newest === undefined || this.newest.closed) action();
      else this.newest.once('close', action);
    };
    if (this.inWork === 0) whenWritten();
    else this.#whenIdle = whenWritten;
  }

  answered(): void {
    this.inWork -= 1;
    if (this.inWork > 0) return;
    this.#whenIdle?.();
    this.#whenIdle = undefined;
  }
}

export class Connections {
  readonly #connections = new WeakMap<Duplex, Connection>();

  of(socket: Duplex): Connection {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      connection = new Connection();
      this.#connections.set(socket, connection);
    }
    return connection;
  }
}

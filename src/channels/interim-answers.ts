type Parser = { onHeadersComplete(status: number, upgrades: boolean, keepsAlive: boolean): number };

const CONTINUE = 100;
// undici reads over this one and the others, but takes a 100 that it has not asked for as the end of the connection.
const PROCESSING = 102;

/**
 * Has a connection read over `100 Continue` that nobody asked for, as over every other interim answer: a client must be able to
 * (RFC 9110, 15.2), and the final answer follows. To be called once undici has taken the socket.
 */
export function readOverContinue(socket: object): void {
  const name = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "parser");
  const parser = name && (socket as Record<symbol, Partial<Parser> | null>)[name];
  if (!parser?.onHeadersComplete) return;
  own ??= parser.onHeadersComplete;
  parser.onHeadersComplete = onHeadersComplete;
}

/** undici's own, of all its connections. */
let own: Parser["onHeadersComplete"] | undefined;

// One function for all connections: a push costs no more by it.
function onHeadersComplete(this: Parser, status: number, upgrades: boolean, keepsAlive: boolean): number {
  return own?.call(this, status === CONTINUE ? PROCESSING : status, upgrades, keepsAlive) ?? 0;
}

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
  if (parser?.onHeadersComplete) parser.onHeadersComplete = onHeadersComplete;
}

// One function for all connections: a push costs no more by it.
function onHeadersComplete(this: Parser, status: number, upgrades: boolean, keepsAlive: boolean): number {
  const own: Parser = Object.getPrototypeOf(this);
  return own.onHeadersComplete.call(this, status === CONTINUE ? PROCESSING : status, upgrades, keepsAlive);
}

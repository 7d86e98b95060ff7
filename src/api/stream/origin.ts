/** Whether a page may open a WebSocket here: browsers send cookies and tickets from anywhere, and say only from where. */
import type { IncomingMessage } from 'node:http';

/**
 * True for programs, which name no origin, for the API's own origin, scheme included, and for those that are allowed.
 *
 * A proxy that ends TLS says so in `X-Forwarded-Proto`, which no page can set.
 */
export function isOriginAllowed(request: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host, 'x-forwarded-proto': forwarded } = request.headers;
  if (origin === undefined) return true;
  const isEncrypted = 'encrypted' in request.socket;
  const scheme = typeof forwarded === 'string' ? forwarded : isEncrypted ? 'https' : 'http';
  const given = originIn(origin);
  return given !== null && [...allowed, `${scheme}://${host}`].some((each) => originIn(each) === given);
}

/** In its one spelling, without the port that goes without saying. */
function originIn(text: string): string | null {
  try {
    const { origin } = new URL(text);
    return origin === 'null' ? null : origin;
  } catch {
    return null;
  }
}

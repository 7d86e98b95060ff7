/** Bytes of a close reason. @see RFC 6455, 5.5.1 (125 with the code) */
const reasonBytes = 123;

/** As much of it as a WebSocket's close frame carries, without half a character. */
export function closeReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= reasonBytes) return reason;
  return bytes
    .subarray(0, reasonBytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}

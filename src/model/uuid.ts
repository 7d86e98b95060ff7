/** Ids of ours are UUIDs in lower case: names, rules and paths are made of them, so nothing else passes for one. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}

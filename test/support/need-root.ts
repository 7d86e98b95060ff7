/** For tests that change networks or mounts: says plainly that they can't where they can't. */
export function needRoot(): void {
  if (process.geteuid?.() !== 0)
    throw new Error(
      'These tests make network namespaces, links, rules and mounts: run them as root, on Linux',
    );
}

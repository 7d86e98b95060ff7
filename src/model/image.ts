/** Image references. */

/** `repo` means `repo:latest`, as engines list it; a tag or a digest stays. */
export function taggedImage(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  return name.includes(':') || reference.includes('@') ? reference : `${reference}:latest`;
}

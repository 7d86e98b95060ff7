/**
 * Image references: `[registry/]repo[:tag][@digest]`.
 *
 * @see distribution reference grammar: the first part is a registry when it has a "." or a ":", or is "localhost"
 */
import { namedUuid } from './named-uuid.ts';

/** `repo` means `repo:latest`, as engines list it; a tag or a digest stays. */
export function taggedImage(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  return name.includes(':') || reference.includes('@') ? reference : `${reference}:latest`;
}

/** What is before and after the tag's colon, `latest` where there is none; of a digest its algorithm and number are the tag. */
export function splitImage(reference: string): { readonly repo: string; readonly tag: string } {
  const tagged = taggedImage(reference);
  const at = tagged.includes('@') ? tagged.indexOf('@') : tagged.lastIndexOf(':');
  return { repo: tagged.slice(0, at), tag: tagged.slice(at + 1) };
}

/** The registry that a reference names, with its port, in lower case; null where it names none. */
export function registryOf(reference: string): string | null {
  const slash = reference.indexOf('/');
  const first = reference.slice(0, Math.max(slash, 0)).toLowerCase();
  return isRegistry(first) ? first : null;
}

/** Whether engines take this for a registry's host at the beginning of a reference, and not for a part of a path. */
export const isRegistry = (text: string): boolean =>
  text.includes('.') || text.includes(':') || text === 'localhost';

/** Begins what projects' own images are called at engines. Nobody pulls such an image, nor names it by itself. */
const committed = 'troupe-commit/';
const hub = /^(index\.)?docker\.io\//i;

/** Begins what images of Glance are called at engines, by the hash of what Glance has: the same bytes have one name everywhere. */
const stored = 'troupe-glance/';

/** By what Glance may tell the hash of an image, and Node can reckon. */
export const digestAlgorithms = ['sha512', 'sha256', 'sha384'] as const;

/** A hash of all bytes of an image as Glance keeps it. */
export interface ImageDigest {
  readonly algorithm: string;
  /** Hexadecimal, in small letters. */
  readonly value: string;
}

export const isStored = (reference: string): boolean => reference.replace(hub, '').startsWith(stored);

/** What an engine calls an image of Glance. The tag may be of 128 characters, which those of sha512 are. */
export const storedImage = ({ algorithm, value }: ImageDigest): string => `${stored}${algorithm}:${value}`;

export const isCommitted = (reference: string): boolean => reference.replace(hub, '').startsWith(committed);

/** What an engine calls an image that the project made of a container: nobody else's, whatever both call it. */
export const committedImage = (tenant: string, repository: string, tag: string): string =>
  `${committed}${namedUuid(`commit/${tenant}`)}/${repository}:${tag}`;

/** The same for an image of one host, whoever speaks of it. */
export const imageIdOf = (hostId: string, reference: string): string =>
  namedUuid(`image/${hostId}/${taggedImage(reference)}`);

/** What its engine is asked for. */
export const engineImage = ({
  image,
  imageReference,
}: {
  readonly image: string;
  readonly imageReference: string | null;
}): string => taggedImage(imageReference ?? image);

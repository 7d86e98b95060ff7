import type { Weigher } from '../weigher.ts';

/** How much worse a host may stand and still win because it has the image: a tenth of its capacity. */
const bonus = 0.1;

export const image: Weigher = {
  name: 'image',
  applies: () => true,
  weigh: ({ images }, request) => (images.has(request.image) ? -bonus : 0),
};

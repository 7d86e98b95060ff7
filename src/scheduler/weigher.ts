/** What a weigher is. */
import type { HostView } from '../model/host.ts';
import type { PlacementRequest, Question } from './request.ts';

export interface Weigher {
  readonly name: string;
  /** False when it weighs nothing in this request. */
  applies(request: PlacementRequest): boolean;
  /** Less is better; 1 is as much as a host from empty to full. The sum over all weighers ranks. */
  weigh(host: HostView, question: Question): number;
}

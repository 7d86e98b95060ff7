/** Copies that are held in memory while they are made: as many as this process can bear, and no project has them all. */
import { TroupeError } from '../../errors/errors.ts';

const most = 16;
const mostOfProject = 4;

export interface CopyDesk {
  /** @throws TroupeError TOO_MANY_COPIES @returns what ends it; again it does nothing */
  begin(projectId: string): () => void;
}

export function createCopyDesk(): CopyDesk {
  const underWay = new Map<string, number>();
  const count = (projectId: string, change: number): void => {
    const now = (underWay.get(projectId) ?? 0) + change;
    if (now === 0) underWay.delete(projectId);
    else underWay.set(projectId, now);
  };
  return {
    begin(projectId) {
      const all = [...underWay.values()].reduce((sum, each) => sum + each, 0);
      if (all >= most || (underWay.get(projectId) ?? 0) >= mostOfProject)
        throw new TroupeError(
          'TOO_MANY_COPIES',
          `${all >= most ? all : mostOfProject} copies of files are under way; try again, or copy them as application/x-tar`,
        );
      count(projectId, 1);
      let isOver = false;
      return () => {
        if (!isOver) count(projectId, -1);
        isOver = true;
      };
    },
  };
}

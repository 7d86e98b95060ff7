/** A command that failed in its own way, with the exit code it has chosen. */
export class CommandFailed extends Error {
  readonly exitCode: number;

  /** @param message one line for stderr, without "troupe:" */
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

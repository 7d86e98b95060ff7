/**
 * The image of a sandbox: one file of some hundred bytes that waits for ever.
 *
 * A sandbox needs a process to hold its network namespace, and must not need
 * a registry. So the program is written here: an ELF header, one program
 * header, and a loop around the system call that sleeps until a signal comes.
 * It needs no library, no memory of its own and no right.
 *
 * @see System V ABI, chapters 4 and 5: ELF header and program header
 */
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

/** The file inside the image. */
export const sandboxProgram = '/pause';

export type SandboxArchitecture = 'amd64' | 'arm64';

interface Target {
  /** `e_machine`: EM_X86_64, EM_AARCH64. */
  readonly machine: number;
  readonly code: Buffer;
}

const targets: Readonly<Record<SandboxArchitecture, Target>> = {
  amd64: {
    machine: 62,
    code: machineCode([
      'b822000000', // again: mov eax, 34 (pause)
      '0f05', //              syscall
      'ebf7', //              jmp again
    ]),
  },
  // arm64 has no pause(2): ppoll of nothing without a timeout.
  arm64: {
    machine: 183,
    code: machineCode([
      '000080d2', // again: mov x0, 0 (no descriptors)
      '010080d2', //        mov x1, 0
      '020080d2', //        mov x2, 0 (no timeout)
      '030080d2', //        mov x3, 0 (no signal mask)
      '040080d2', //        mov x4, 0
      '280980d2', //        mov x8, 73 (ppoll)
      '010000d4', //        svc 0
      'f9ffff17', //        b again
    ]),
  },
};

const loadAddress = 0x400000;
const elfHeaderSize = 64;
const programHeaderSize = 56;

/** The reference under which the image is kept; one per content, so that a new program is a new image. */
export function sandboxImageReference(architecture: SandboxArchitecture): string {
  return `troupe/sandbox:1-${architecture}`;
}

export function isSandboxArchitecture(name: string): name is SandboxArchitecture {
  return Object.hasOwn(targets, name);
}

/** The tar of the image's file system, for Docker's import. */
export async function sandboxImageTar(architecture: SandboxArchitecture): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: sandboxProgram.slice(1), mode: 0o755 }, sandboxElf(architecture));
  tar.finalize();
  return buffer(tar);
}

/** The static executable: 129 bytes on amd64, 152 on arm64. */
export function sandboxElf(architecture: SandboxArchitecture): Buffer {
  const { machine, code } = targets[architecture];
  const codeOffset = elfHeaderSize + programHeaderSize;
  const file = Buffer.alloc(codeOffset + code.length);
  // ELF header: magic, 64 bits, little-endian, version 1.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
  file.writeUInt16LE(2, 16); // e_type: ET_EXEC
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20); // e_version
  file.writeBigUInt64LE(BigInt(loadAddress + codeOffset), 24); // e_entry
  file.writeBigUInt64LE(BigInt(elfHeaderSize), 32); // e_phoff
  file.writeUInt16LE(elfHeaderSize, 52); // e_ehsize
  file.writeUInt16LE(programHeaderSize, 54); // e_phentsize
  file.writeUInt16LE(1, 56); // e_phnum
  // Program header: the whole file, readable and executable.
  const header = file.subarray(elfHeaderSize);
  header.writeUInt32LE(1, 0); // p_type: PT_LOAD
  header.writeUInt32LE(5, 4); // p_flags: PF_R | PF_X
  header.writeBigUInt64LE(BigInt(loadAddress), 16); // p_vaddr
  header.writeBigUInt64LE(BigInt(loadAddress), 24); // p_paddr
  header.writeBigUInt64LE(BigInt(file.length), 32); // p_filesz
  header.writeBigUInt64LE(BigInt(file.length), 40); // p_memsz
  header.writeBigUInt64LE(0x10000n, 48); // p_align: the largest page of arm64
  file.set(code, codeOffset);
  return file;
}

/** Each instruction as the hexadecimal digits of its bytes in memory. */
function machineCode(instructions: readonly string[]): Buffer {
  return Buffer.from(instructions.join(''), 'hex');
}

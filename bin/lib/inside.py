"""A folder of this host shown inside a container that runs, or shown no more: JSON on stdin, JSON on stdout.

{"ask": "mount", "pid": PID, "container": ID, "source": PATH, "destination": PATH, "readOnly": BOOL}
{"ask": "unmount", "pid": PID, "container": ID, "source": PATH, "destination": PATH}
                            -> {"answer": "done"}, or {"answer": "gone"} where the process is none of the container's any more
What fails is {"unable": ...} where this host can't, {"used": {"pid": PID, "name": NAME}} for what somebody uses, else {"failed": ...}.

A mount is made of the source here, and moved into the other mount namespace: the kernel lets none be bound across two,
which is all that mount(8) and nsenter(1) could ask for (util-linux 2.38). @see open_tree(2), move_mount(2), mount_setattr(2)
"""
import ctypes
import errno
import json
import os
import re
import sys

libc = ctypes.CDLL(None, use_errno=True)

# The same numbers on every architecture.
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH, AT_EMPTY_PATH = 1, 4, 0x1000
MOUNT_ATTR_RDONLY, MS_PRIVATE, UMOUNT_NOFOLLOW, CLONE_NEWNS = 1, 1 << 18, 8, 0x20000


class Unable(Exception):
    pass


class Used(Exception):
    pass


def call(what, result):
    if result >= 0:
        return result
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EPERM):
        raise Unable('%s: %s; it takes Linux 5.12 and an agent that runs as root' % (what, os.strerror(number)))
    raise OSError(number, '%s: %s' % (what, os.strerror(number)))


def identity(path):
    found = os.stat(path)
    return found.st_dev, found.st_ino


def points(pid):
    """Where something is mounted there, as its processes call it."""
    with open('/proc/%d/mountinfo' % pid, encoding='utf8', errors='surrogateescape') as lines:
        return {re.sub(r'\\([0-7]{3})', lambda code: chr(int(code[1], 8)), line.split(' ')[4]) for line in lines}


def clone(source, read_only):
    tree = call('open_tree', libc.syscall(
        OPEN_TREE, -100, source.encode(), OPEN_TREE_CLONE | os.O_CLOEXEC))
    # attr_set, attr_clr, propagation, userns_fd: what is mounted here later is none of its business.
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY if read_only else 0, 0, MS_PRIVATE, 0)
    call('mount_setattr', libc.syscall(
        MOUNT_SETATTR, tree, b'', AT_EMPTY_PATH, attributes, ctypes.sizeof(attributes)))
    return tree


def user_of(proc, namespace, destination):
    """A process of that mount namespace that works there; None when there is none to be seen."""
    def links(pid):
        for name in ('cwd', 'root', 'exe'):
            yield '%s/%s' % (pid, name)
        for folder in ('fd', 'map_files'):
            try:
                opened = os.open('%s/%s' % (pid, folder), os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
            except OSError:
                continue
            try:
                for name in os.listdir(opened):
                    yield '%s/%s/%s' % (pid, folder, name)
            finally:
                os.close(opened)

    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            if os.readlink('%s/ns/mnt' % pid, dir_fd=proc) != namespace:
                continue
            for link in links(pid):
                try:
                    target = os.readlink(link, dir_fd=proc)
                except OSError:
                    continue
                if target == destination or target.startswith(destination + '/'):
                    with open(os.open('%s/comm' % pid, os.O_RDONLY, dir_fd=proc), encoding='utf8') as name:
                        return {'pid': int(pid), 'name': name.read().strip()}
        except OSError:
            continue
    return None


def answer(question):
    pid, source, destination = question['pid'], question['source'], question['destination']
    try:
        space = os.open('/proc/%d/ns/mnt' % pid, os.O_RDONLY | os.O_CLOEXEC)
        with open('/proc/%d/cgroup' % pid, encoding='utf8') as groups:
            if question['container'] not in groups.read():
                return 'gone'
        namespace = os.readlink('/proc/%d/ns/mnt' % pid)
        users = os.readlink('/proc/%d/ns/user' % pid)
        taken = points(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 'gone'
    if users != os.readlink('/proc/self/ns/user'):
        raise Unable('the container has a user namespace of its own, into which nothing can be mounted')
    proc = os.open('/proc', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    mine = identity(source)
    is_mount = question['ask'] == 'mount'
    tree = clone(source, question['readOnly']) if is_mount else -1
    # From here on every path is one inside: whatever links there are lead nowhere else.
    call('setns', libc.setns(space, CLONE_NEWNS))
    try:
        is_there = identity(destination) == mine
    except (FileNotFoundError, NotADirectoryError):
        is_there = False
    if is_there == is_mount:
        return 'done'
    real = os.path.realpath(destination)
    if is_mount:
        if real in taken:
            raise OSError(errno.EBUSY, 'something is mounted at "%s" in it already' % destination)
        os.makedirs(real, exist_ok=True)
        call('move_mount', libc.syscall(MOVE_MOUNT, tree, b'', -100, real.encode(), MOVE_MOUNT_F_EMPTY_PATH))
    elif libc.umount2(real.encode(), UMOUNT_NOFOLLOW) != 0:
        if ctypes.get_errno() == errno.EBUSY:
            raise Used(user_of(proc, namespace, real))
        call('umount2', -1)
    return 'done'


try:
    outcome = {'answer': answer(json.load(sys.stdin))}
except Unable as error:
    outcome = {'unable': str(error)}
except Used as error:
    outcome = {'used': error.args[0]}
except OSError as error:
    outcome = {'failed': (error.strerror or str(error)) + (' ("%s")' % error.filename if error.filename else '')}
json.dump(outcome, sys.stdout)

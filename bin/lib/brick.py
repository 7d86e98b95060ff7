"""What Troupe's agent asks of os-brick, one question a process: JSON on stdin, JSON on stdout.

{"ask": "connector", "host": NAME}                            -> {"answer": how this machine is described to Cinder}
{"ask": "connect", "connection": CONNECTION}                  -> {"answer": path of the block device}
{"ask": "disconnect", "connection": CONNECTION, "path": PATH} -> {"answer": null}
What fails is {"missing": ...} where os-brick is not installed, else {"failed": ...}; never with a password in it.
"""
import json
import os
import socket
import sys

answers = os.fdopen(os.dup(1), 'w')
# What libraries print is none.
os.dup2(2, 1)


def own_address():
    """Where this machine is reached from others; nothing is sent to find that out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))
            return probe.getsockname()[0]
        except OSError:
            return '127.0.0.1'


def answer(question):
    from oslo_concurrency import lockutils
    from os_brick import privileged
    from os_brick.initiator import connector

    # We are root already: no second process for what root may do.
    privileged.default.set_client_mode(False)
    # One lock for all agents of this machine, as os-brick wants it.
    lockutils.set_defaults('/run/troupe-os-brick')
    if question['ask'] == 'connector':
        return connector.get_connector_properties('', own_address(), False, False, host=question['host'])
    connection = question['connection']
    brick = connector.InitiatorConnector.factory(
        connection['driver_volume_type'], '', use_multipath=False, conn=connection)
    if question['ask'] == 'connect':
        return brick.connect_volume(connection)['path']
    brick.disconnect_volume(connection, {'path': question['path']}, force=False, ignore_errors=False)
    return None


def told(error):
    from oslo_utils import strutils

    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return strutils.mask_password('%s: %s' % (type(error).__name__, first))[:500]


try:
    outcome = {'answer': answer(json.load(sys.stdin))}
except ImportError as error:
    outcome = {'missing': str(error)}
except Exception as error:  # pylint: disable=broad-except
    outcome = {'failed': told(error)}
json.dump(outcome, answers)
answers.close()

"""Cinder driver: sparse file per volume, attached as a loop block device.

For kernels without device-mapper, SCSI/iSCSI, NBD, RBD and NFS.  Volumes are
handed out with driver_volume_type "local" and device_path /dev/loopN, which
os-brick's LocalConnector (and any client that honours device_path) uses as is.
"""
import os

from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import fileutils

from cinder import exception
from cinder import interface
from cinder import utils
from cinder.image import image_utils
from cinder.volume import configuration
from cinder.volume import driver

LOG = logging.getLogger(__name__)
opts = [cfg.StrOpt('loop_dir', default='$state_path/volumes'),
        cfg.IntOpt('loop_capacity_gb', default=100)]
cfg.CONF.register_opts(opts, group=configuration.SHARED_CONF_GROUP)


@interface.volumedriver
class LoopVolumeDriver(driver.VolumeDriver):
    VERSION = '1.0'
    CI_WIKI_NAME = 'none'

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(opts)
        self.dir = self.configuration.loop_dir

    # -- helpers
    def _file(self, obj):
        return os.path.join(self.dir, obj['name'])

    def _loops(self, path):
        out, _e = processutils.execute('losetup', '-j', path, '-n', '-O', 'NAME')
        return out.split()

    def _attach(self, path):
        with utils_lock(path):
            have = self._loops(path)
            if have:
                return have[0]
            out, _e = processutils.execute('losetup', '-f', '--show', path)
            return out.strip()

    def _detach(self, path):
        with utils_lock(path):
            for dev in self._loops(path):
                processutils.execute('losetup', '-d', dev,
                                     check_exit_code=[0, 1])

    def _sparse(self, path, gb):
        with open(path, 'ab') as f:
            f.truncate(int(gb) << 30)
        os.chmod(path, 0o600)

    # -- set-up and statistics
    def do_setup(self, context):
        fileutils.ensure_tree(self.dir)

    def check_for_setup_error(self):
        processutils.execute('losetup', '--version')

    def _update_volume_stats(self):
        st = os.statvfs(self.dir)
        free = st.f_bavail * st.f_frsize / (1 << 30)
        cap = self.configuration.loop_capacity_gb
        self._stats = {
            'volume_backend_name':
                self.configuration.safe_get('volume_backend_name') or 'loop',
            'vendor_name': 'troupe', 'driver_version': self.VERSION,
            'storage_protocol': 'local', 'multiattach': True,
            'pools': [{
                'pool_name': 'loop', 'multiattach': True,
                'total_capacity_gb': cap, 'free_capacity_gb': min(cap, free),
                'reserved_percentage': 0, 'QoS_support': False,
                'thin_provisioning_support': True,
                'thick_provisioning_support': False,
                'max_over_subscription_ratio': '20.0',
                'provisioned_capacity_gb': 0,
                'allocated_capacity_gb': 0}]}

    # -- volumes
    def create_volume(self, volume):
        self._sparse(self._file(volume), volume['size'])

    def delete_volume(self, volume):
        self._detach(self._file(volume))
        fileutils.delete_if_exists(self._file(volume))

    def extend_volume(self, volume, new_size):
        self._sparse(self._file(volume), new_size)
        for dev in self._loops(self._file(volume)):
            processutils.execute('losetup', '-c', dev)

    def _copy(self, src, dst, size):
        processutils.execute('cp', '--sparse=always', '--reflink=auto', src, dst)
        self._sparse(dst, size)

    def create_cloned_volume(self, volume, src_vref):
        self._copy(self._file(src_vref), self._file(volume), volume['size'])

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(self._file(snapshot), self._file(volume), volume['size'])

    def create_snapshot(self, snapshot):
        self._copy(self._file(snapshot.volume), self._file(snapshot),
                   snapshot['volume_size'])

    def delete_snapshot(self, snapshot):
        fileutils.delete_if_exists(self._file(snapshot))

    def local_path(self, volume):
        return self._file(volume)

    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             disable_sparse=False):
        image_utils.fetch_to_raw(context, image_service, image_id,
                                 self._file(volume), 'default',
                                 size=volume['size'], run_as_root=False)
        self._sparse(self._file(volume), volume['size'])

    # -- attach
    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector, **kwargs):
        dev = self._attach(self._file(volume))
        return {'driver_volume_type': 'local',
                'data': {'device_path': dev, 'volume_id': volume['id']}}

    def terminate_connection(self, volume, connector, **kwargs):
        # connector None: force detach of everything.  With multiattach keep
        # the loop device while other attachments exist.
        others = [a for a in volume.volume_attachment
                  if a.attach_status == 'attached']
        if connector is None or len(others) <= 1:
            self._detach(self._file(volume))
        return len(others) > 1


def utils_lock(path):
    from oslo_concurrency import lockutils
    return lockutils.lock('loop-' + os.path.basename(path), external=True,
                          lock_path=cfg.CONF.oslo_concurrency.lock_path)

#!/usr/bin/env bash
# What a service needs of Keystone: a user that is let in as a service, and its endpoint. Sourced after keystone.sh;
# defines functions only.

cloud_admin() { OS_CLIENT_CONFIG_FILE="$site/clouds.yaml" openstack --os-cloud admin "$@"; }

# register_service <name> <type> <url>: its user, in the project "service", and its place in the catalog, at all three interfaces.
# One client for all of it: each start of one takes a second.
register_service() {
  SERVICE_PASSWORD="$(password_of "$1")" OS_CLIENT_CONFIG_FILE="$site/clouds.yaml" /usr/bin/python3 - "$1" "$2" "$3" "$region" <<'PYTHON'
import os, sys
import openstack
name, kind, url, region = sys.argv[1:]
identity = openstack.connect(cloud='admin').identity
project = identity.find_project('service', domain_id='default')
user = identity.find_user(name, domain_id='default') or identity.create_user(name=name, domain_id='default', password=os.environ['SERVICE_PASSWORD'])
for role in ('admin', 'service'):
    identity.assign_project_role_to_user(project, user, identity.find_role(role) or identity.create_role(name=role))
service = next(iter(identity.services(type=kind)), None) or identity.create_service(name=name, type=kind)
known = {endpoint.interface: endpoint for endpoint in identity.endpoints(service_id=service.id) if endpoint.region_id == region}
for interface in ('public', 'internal', 'admin'):
    endpoint = known.get(interface)
    if endpoint is None:
        identity.create_endpoint(service_id=service.id, interface=interface, url=url, region_id=region)
    elif endpoint.url != url:
        identity.update_endpoint(endpoint, url=url)
PYTHON
}

# authtoken_of <name>: the section by which a service asks Keystone whose a token is.
authtoken_of() {
  cat <<CONF
[keystone_authtoken]
auth_type = password
auth_url = $keystone_url
www_authenticate_uri = $keystone_url
project_domain_name = Default
user_domain_name = Default
project_name = service
username = $1
password = $(password_of "$1")
region_name = $region
interface = internal
service_token_roles_required = true
CONF
}

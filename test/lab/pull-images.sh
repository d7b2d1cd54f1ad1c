#!/bin/bash
# pull-images.sh NAME IMAGE...: gives engine NAME (of this lab, up) the images of the lab's registry under their plain names, so
# that no test meets a first pull. Does nothing when it has them and the registry has had no newer ones since.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
NAME=${1:?}; shift
export DOCKER_HOST=unix://$LAB/$NAME/docker.sock
state=$(cat "$LAB"/images/*.pushed | sha256sum)
if [ "$(cat "$LAB/$NAME/pulled" 2> /dev/null)" = "$state" ] && docker image inspect "$@" > /dev/null 2>&1; then exit 0; fi
for image in "$@"; do
  from=127.0.0.1:$REGISTRY_PORT/library/$image
  docker pull -q "$from" > /dev/null 2>&1 || docker pull -q "$from" > /dev/null || die "engine $NAME cannot pull $image from the lab's registry"
  docker tag "$from" "$image"; docker rmi "$from" > /dev/null
done
echo "$state" > "$LAB/$NAME/pulled"

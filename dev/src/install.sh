# Installs Debian packages without letting their daemons start, and puts back what was there before.
# Run as root: sh install.sh PACKAGE…
set -eu
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
saved=.lunarfront-saved
mark='# by lunarfront, while packages install'

restore() {
    # What an earlier, killed run left is restored as well.
    if grep -qsF "$mark" "$policy"; then rm -f "$policy"; fi
    if [ -e "$policy$saved" ]; then mv -f "$policy$saved" "$policy"; fi
    if [ -e "$cluster$saved" ]; then mv -f "$cluster$saved" "$cluster"; fi
}

install_packages() {
    apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=120 "$@"
}

export DEBIAN_FRONTEND=noninteractive
# One at a time: the second would put back what the first still needs.
exec 9>/run/lunarfront-install.lock
flock 9
restore
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ -e "$policy" ]; then mv "$policy" "$policy$saved"; fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

if [ -e /var/lib/dpkg/info/erlang-base.list ]; then erlang=old; else erlang=new; fi
apt-get update
case " $* " in
*" postgresql "*)
    # First what owns the setting, then the setting, then the server that obeys it.
    install_packages postgresql-common
    cp -p "$cluster" "$cluster$saved"
    printf '\n%s\ncreate_main_cluster = false\n' "$mark" >>"$cluster"
    ;;
esac
install_packages "$@"

# A system with an init would start them at the next boot.
disable() {
    systemctl disable --quiet "$@" 2>/dev/null || DPKG_MAINTSCRIPT_PACKAGE=$1 deb-systemd-helper disable "$@" || true
}
case " $* " in
*" rabbitmq-server "*)
    update-rc.d rabbitmq-server disable || true
    disable rabbitmq-server.service
    if [ "$erlang" = new ]; then disable epmd.service epmd.socket; fi
    ;;
esac

#!/bin/bash
# browser.sh: unpacks Debian's headless Chromium with all that it links and two families of fonts under $GALLEY_LAB_DIR/tools, once,
# and prints the path of a command that starts it. Installs nothing on the machine. Safe to call several times at once.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
wanted=(chromium-headless-shell fonts-dejavu-core fonts-liberation)
mkdir -p "$LAB/tools"
exec 7> "$LAB/tools/browser.lock"; flock 7
DIR=$LAB/tools/chromium
if ! [ -x "$DIR/start" ] || [ "$(cat "$DIR/.wanted" 2> /dev/null)" != "${wanted[*]}" ]; then
  conf=$(private_apt bookworm)
  # Everything that it needs, as if nothing were installed; but the C library is the machine's, as its loader is, and drivers of
  # graphics cards are left out.
  packages=$(APT_CONFIG=$conf apt-get -s --no-install-recommends install "${wanted[@]}" 2> /dev/null | awk '
    $1 == "Inst" && $2 !~ /^(libc6|libc-bin|gcc-.*-base|debconf|perl-base|dpkg|tar|libllvm.*|libgl1-mesa-dri)$/ { print $2 }')
  [ -n "$packages" ] || die "Debian bookworm has no ${wanted[*]}"
  say "fetching Debian's Chromium"
  # shellcheck disable=SC2086
  tool chromium $packages > /dev/null
  binary=$(find "$DIR/usr" -type f -name 'chromium-headless-shell' -size +1M | sed -n 1p)
  [ -n "$binary" ] || die "the package chromium-headless-shell has no program"
  libraries=$(find "$DIR/usr/lib" "$DIR/lib" -name '*.so*' -path '*-linux-gnu*' -printf '%h\n' 2> /dev/null | sort -u | paste -sd:)
  rm -rf "$DIR"/usr/share/{doc,locale,man}
  # Of the two families the narrow one is for text, the other for code.
  rm -f "$DIR"/usr/share/fonts/truetype/dejavu/DejaVuS{ans.ttf,ans-Bold.ttf,erif.ttf,erif-Bold.ttf}
  cat > "$DIR/fonts.conf" << CONF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$DIR/usr/share/fonts</dir>
  <cachedir>$DIR/fonts-cache</cachedir>
  <match target="pattern">
    <test qual="all" name="family" compare="not_contains"><string>ono</string></test>
    <test qual="all" name="family" compare="not_contains"><string>Menlo</string></test>
    <test qual="all" name="family" compare="not_contains"><string>Consolas</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit>
  </match>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
CONF
  cat > "$DIR/start" << START
#!/bin/sh
export LD_LIBRARY_PATH="$libraries" FONTCONFIG_FILE="$DIR/fonts.conf"
exec "$binary" "\$@"
START
  chmod +x "$DIR/start"
  echo "${wanted[*]}" > "$DIR/.wanted"
fi
echo "$DIR/start"

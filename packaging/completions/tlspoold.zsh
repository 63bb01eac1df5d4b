#compdef tlspoold
# SPDX-License-Identifier: Apache-2.0
_arguments \
  '--pool[the directory of the pool]:directory:_files -/' \
  '--check[check the configuration and the files it names, then exit]' \
  '--log[how to log, whatever the configuration says]:format:(text json)' \
  '--outside[the directory of the sockets of the judge and the fetcher]:directory:_files -/' \
  '(- *)--version[print the version]' \
  '(- *)--help[print a short help]'

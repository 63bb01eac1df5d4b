# SPDX-License-Identifier: Apache-2.0
complete -c tlspoold -f
complete -c tlspoold -l pool -x -a '(__fish_complete_directories)' -d 'The directory of the pool'
complete -c tlspoold -l check -d 'Check the configuration and the files it names, then exit'
complete -c tlspoold -l log -x -a 'text json' -d 'How to log, whatever the configuration says'
complete -c tlspoold -l outside -x -a '(__fish_complete_directories)' -d 'The directory of the sockets of the judge and the fetcher'
complete -c tlspoold -l version -d 'Print the version'
complete -c tlspoold -l help -d 'Print a short help'

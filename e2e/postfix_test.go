//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// personality is a mail host: an address with a way of its own.
type personality struct {
	host string // its name, in the banner
	addr string
	cert string // file with key and certificate; "" without STARTTLS

	// submission opens 465 and 587 with AUTH after TLS; clearAuth offers AUTH
	// before TLS too, on all ports.
	submission, clearAuth bool

	pause int // seconds before the greeting

	options []string // of main.cf, for this host
}

// startPostfix starts one Postfix for all personalities and gives its log.
func startPostfix(t *testing.T, dir string, hosts []personality) string {
	home := folder(t, dir, "postfix")
	log := filepath.Join(home, "mail.log")
	write(t, fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %[2]s
maillog_file_prefixes = %[1]s
inet_protocols = all
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
# No resolver but ours may be asked, and nothing here depends on client names.
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject
smtpd_recipient_restrictions = reject
# Any MAIL would be refused, and the log would say so.
smtpd_sender_restrictions = reject
cyrus_sasl_config_path = %[1]s/sasl
`, home, log), home, "main.cf")
	write(t, masterCf(hosts), home, "master.cf")
	write(t, "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n", folder(t, home, "sasl"), "smtpd.conf")
	makeQueue(t, home)

	var ready []string
	for _, h := range hosts {
		ready = append(ready, h.addr+":25")
		if h.submission {
			ready = append(ready, h.addr+":465", h.addr+":587")
		}
	}
	// master waits for connections itself; -d keeps it in the foreground.
	daemon(t, dir, "postfix", ready, "/usr/lib/postfix/sbin/master", "-d", "-c", home)
	return log
}

func masterCf(hosts []personality) string {
	var b strings.Builder
	for _, h := range hosts {
		options := []string{"myhostname=" + h.host, "syslog_name=" + h.host}
		if h.cert != "" {
			options = append(options, "smtpd_tls_security_level=may", "smtpd_tls_chain_files="+h.cert)
		}
		options = append(options, h.options...)
		if h.clearAuth {
			options = append(options, "smtpd_sasl_auth_enable=yes", "smtpd_tls_auth_only=no")
		}
		if h.pause > 0 {
			options = append(options, "smtpd_delay_reject=no", fmt.Sprintf("{ smtpd_client_restrictions = sleep %d }", h.pause))
		}
		service(&b, h.addr+":25", options)
		if !h.submission {
			continue
		}
		auth := append(options[:len(options):len(options)], "smtpd_sasl_auth_enable=yes")
		if !h.clearAuth {
			auth = append(auth, "smtpd_tls_auth_only=yes")
		}
		service(&b, h.addr+":587", auth)
		service(&b, h.addr+":465", append(auth, "smtpd_tls_wrappermode=yes"))
	}
	b.WriteString("tlsmgr unix - - n 1000? 1 tlsmgr\nanvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n")
	return b.String()
}

func service(b *strings.Builder, listen string, options []string) {
	fmt.Fprintf(b, "%s inet n - n - - smtpd\n", listen)
	for _, o := range options {
		fmt.Fprintf(b, "  -o %s\n", o)
	}
}

// makeQueue makes the folders that `postfix check` would make under /var.
func makeQueue(t *testing.T, home string) {
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Fatalf("%v (see e2e/install)", err)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		t.Fatal(err)
	}
	queue := folder(t, home, "queue")
	folder(t, queue, "pid")
	for _, d := range []string{folder(t, home, "data"), folder(t, queue, "private"), folder(t, queue, "public")} {
		if err := os.Chown(d, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
}

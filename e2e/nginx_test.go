//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// policies is the address of the policy host.
const policies = "127.0.0.43"

// site is a virtual host that serves, or should serve, an MTA-STS policy.
type site struct {
	name   string
	policy string // the text; "" for a file that is not there
	to     string // a URL to redirect to instead
	cert   string // file with key and certificate; "" for the common one
}

func startNginx(t *testing.T, dir, cert string, sites []site) {
	home := folder(t, dir, "nginx")
	var b strings.Builder
	fmt.Fprintf(&b, `daemon off;
user www-data;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
    access_log %[1]s/access.log;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    types { text/plain txt; text/html html; }
    ssl_certificate %[2]s;
    ssl_certificate_key %[2]s;
    ssl_protocols TLSv1.2 TLSv1.3;
`, home, cert)
	for _, s := range sites {
		root := folder(t, home, s.name)
		folder(t, root, ".well-known")
		if s.policy != "" {
			write(t, s.policy, root, ".well-known", "mta-sts.txt")
		}
		redirect := ""
		if s.to != "" {
			redirect = "return 301 " + s.to + "; "
		}
		if s.cert != "" {
			redirect += fmt.Sprintf("ssl_certificate %[1]s; ssl_certificate_key %[1]s; ", s.cert)
		}
		fmt.Fprintf(&b, "    server { listen %s:443 ssl; server_name %s; root %s; %s}\n", policies, s.name, root, redirect)
	}
	b.WriteString("}\n")
	conf := write(t, b.String(), home, "nginx.conf")
	daemon(t, dir, "nginx", []string{policies + ":443"}, "/usr/sbin/nginx", "-p", home, "-e", "stderr", "-c", conf)
}

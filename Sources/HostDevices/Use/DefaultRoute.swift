/// The network interfaces of the host's default routes: /proc/net/route and /proc/net/ipv6_route, proc(5).
enum DefaultRoute {
    static func interfaces(_ tree: HostFilesystem) -> Set<String> {
        var names: Set<String> = []
        // Interface, destination, gateway, flags, ..., mask as field 7.
        for line in ((try? tree.text("proc/net/route")) ?? "").split(separator: "\n").dropFirst() {
            let fields = line.split { $0 == "\t" || $0 == " " }
            if fields.count > 7, fields[1] == "00000000", fields[7] == "00000000" { names.insert(String(fields[0])) }
        }
        // Destination, its length, source, its length, next hop, metric, references, uses, flags, interface. The
        // kernel's own "unreachable" is on lo.
        for line in ((try? tree.text("proc/net/ipv6_route")) ?? "").split(separator: "\n") {
            let fields = line.split { $0 == "\t" || $0 == " " }
            if fields.count > 9, fields[0].allSatisfy({ $0 == "0" }), fields[1] == "00", fields[9] != "lo" {
                names.insert(String(fields[9]))
            }
        }
        return names
    }
}

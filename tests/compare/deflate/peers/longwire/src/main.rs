fn main() {
    compare_deflate::worker::serve(&compare_deflate_longwire::PEERS);
}

import unit

unit.run()
